"""A case of the campaign: what is broken, and what then becomes of the boot."""

NEW: dict[str, str] = {}
LINES = {
    "samples/recovery.toml": (
        (
            'why = "Nothing is broken."\nexpect = "booted"\n',
            '\n[[case]]\ninject = "stall 1 7us at tick 2_000"\nplatforms = ["none"]\n'
            'why = "A CPU may be late."\nexpect = "booted"\n',
        ),
    ),
}


def uses() -> None:
    from emu.debug import campaign, recovery

    cases = recovery.read(recovery.of_the_samples())
    mine = [case for case in cases if case.inject == ("stall 1 7us at tick 2_000",)]
    (result,) = campaign.run(campaign.Campaign(cases=mine), 1)
    assert (result.outcome, result.problems) == ("booted", ())
