//! The host's device tree as far as the boot needs it: CPUs, and whether there is a COM3.
use Token::{End, Node, NodeEnd, Property};

pub const CPUS_MAX: usize = 2048;
const MAGIC: u32 = 0xD00D_FEED;
const COM3: u64 = 0x3E8;

#[derive(Debug)]
pub enum TreeError {
    NoDeviceTree,
    #[allow(dead_code)] // the panic prints it
    Broken(usize),
    NoCpus,
    TooManyCpus,
}

#[derive(Clone, Copy)]
pub struct Cpu {
    pub apic_id: u32,
}

pub struct HostTopology {
    cpus: [Cpu; CPUS_MAX],
    count: usize,
    pub serial: bool,
}

impl HostTopology {
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus[..self.count]
    }
}

enum Token<'a> {
    Node(&'a str),
    NodeEnd,
    Property(&'a str, &'a [u8]),
    End,
}

struct Reader<'a> {
    blob: &'a [u8],
    strings: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    fn open(blob: &'a [u8]) -> Result<Self, TreeError> {
        if cell(blob, 0) != Some(MAGIC) {
            return Err(TreeError::NoDeviceTree);
        }
        let (Some(at), Some(strings)) = (cell(blob, 8), cell(blob, 12)) else {
            return Err(TreeError::NoDeviceTree);
        };
        Ok(Self { blob, strings: strings as usize, at: at as usize })
    }

    #[inline]
    fn take(&mut self) -> Option<u32> {
        let found = cell(self.blob, self.at);
        self.at += 4;
        found
    }

    #[inline(never)]
    fn token(&mut self) -> Option<Token<'a>> {
        loop {
            match self.take()? {
                1 => {
                    let name = text(self.blob, self.at)?;
                    self.at += (name.len() + 4) & !3;
                    return Some(Node(name));
                }
                2 => return Some(NodeEnd),
                3 => {
                    let size = self.take()? as usize;
                    let name = text(self.blob, self.strings + self.take()? as usize)?;
                    let value = self.blob.get(self.at..self.at.checked_add(size)?)?;
                    self.at += (size + 3) & !3;
                    return Some(Property(name, value));
                }
                4 => {}
                9 => return Some(End),
                _ => return None,
            }
        }
    }
}

#[inline]
fn cell(blob: &[u8], at: usize) -> Option<u32> {
    let bytes = blob.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn text(blob: &[u8], at: usize) -> Option<&str> {
    let rest = blob.get(at..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(&rest[..end]).ok()
}

/// What is known of the node that is being read.
#[derive(Default)]
struct Seen {
    reg: Option<u64>,
    okay: bool,
    uart: bool,
}

impl Seen {
    #[inline]
    fn property(&mut self, name: &str, value: &[u8]) {
        match name {
            "reg" => self.reg = number(value),
            "status" => self.okay = value == b"okay\0",
            "compatible" => self.uart = value == b"ns16550\0",
            _ => {}
        }
    }
}

fn number(value: &[u8]) -> Option<u64> {
    match value.len() {
        4 => cell(value, 0).map(u64::from),
        8.. => Some(u64::from(cell(value, 0)?) << 32 | u64::from(cell(value, 4)?)),
        _ => None,
    }
}

/// The CPUs that are enabled, in the order of the tree, which is that of their VP indices.
#[inline(never)]
pub fn topology_from_host_dt(blob: &[u8]) -> Result<HostTopology, TreeError> {
    let mut found = HostTopology { cpus: [Cpu { apic_id: 0 }; CPUS_MAX], count: 0, serial: false };
    let mut reader = Reader::open(blob)?;
    let (mut depth, mut in_cpus, mut seen) = (0, false, Seen::default());
    loop {
        match reader.token().ok_or(TreeError::Broken(reader.at))? {
            Node(name) => {
                if depth == 1 {
                    in_cpus = name == "cpus";
                }
                depth += 1;
                seen = Seen::default();
            }
            Property(name, value) => seen.property(name, value),
            NodeEnd => {
                depth -= 1;
                leave(&mut found, core::mem::take(&mut seen), in_cpus && depth == 2)?;
            }
            End => break,
        }
    }
    if found.count == 0 {
        return Err(TreeError::NoCpus);
    }
    Ok(found)
}

fn leave(found: &mut HostTopology, seen: Seen, cpu: bool) -> Result<(), TreeError> {
    if seen.uart && seen.reg == Some(COM3) {
        found.serial = true;
    }
    let (true, true, Some(reg)) = (cpu, seen.okay, seen.reg) else {
        return Ok(());
    };
    let place = found.cpus.get_mut(found.count).ok_or(TreeError::TooManyCpus)?;
    *place = Cpu { apic_id: reg as u32 };
    found.count += 1;
    Ok(())
}
