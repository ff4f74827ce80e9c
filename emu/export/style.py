"""The page's looks and its one script: it filters the table of events."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2430;--dim:#6b7685;--rule:#d5dae1;--run:#2f6fed;
--wait:#c98a1b;--halt:#8a94a3;--mark:#c2334d;--page:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#dfe5ee;--dim:#93a0b2;--rule:#364152;
--run:#6ea1ff;--wait:#e0ad4e;--halt:#7b8798;--mark:#ff7d92;--page:#141a22}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);
max-width:72rem;margin:2rem auto;padding:0 1rem}
svg{width:100%;height:auto;font:12px ui-monospace,monospace}svg text{fill:var(--ink)}
svg line{stroke:var(--rule)}.running{fill:var(--run)}.waiting{fill:var(--wait)}
.halted,.wait-for-sipi,.shutdown{fill:var(--halt)}.milestone{stroke:var(--mark)}
.arrow{stroke:var(--run);fill:none}.wide{overflow-x:auto}
.key{margin-right:1.5rem;color:var(--dim)}.key::before{content:"";display:inline-block;
width:.8em;height:.8em;margin-right:.4em;background:var(--halt)}
.key.running::before{background:var(--run)}.key.waiting::before{background:var(--wait)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.1rem .8rem .1rem 0;border-bottom:1px solid var(--rule)}
td:nth-child(-n+3){text-align:right;white-space:nowrap}
"""
SCRIPT: Final = """
const box=document.getElementById("filter"),rows=[...document.querySelectorAll("#events tr")];
box.addEventListener("input",()=>{const words=box.value.toLowerCase();
for(const row of rows)row.hidden=!row.textContent.toLowerCase().includes(words)});
"""
