"""Updates over the air under power cuts: the old set of files or the new one, never a mixture."""

from tests.durability import campaign


def test_a_cut_at_every_operation_leaves_one_whole_set(micropython):
    """Taking it in, switching, the trial and its end, on MicroPython's own littlefs: some seconds
    for every operation, and for recoveries that are cut as well (all of those: make powercut)."""
    result = campaign.update(stride=25)
    print(result)
    assert result["wrong"] == []
    points, again, outcomes = result["kept"]
    assert points > 300 and again > 30 and set(outcomes) == {"old", "new"}
    assert result["failures"] > 15
    assert result["full"].count("/boot.py") > 5 and "" in result["full"]
    points, again, outcomes = result["back"]
    assert points > 300 and again > 30 and set(outcomes) == {"old"}


def test_a_switch_that_cannot_be_repeated_is_caught(micropython, tmp_path):
    boot = (campaign.FIRMWARE / "boot.py").read_text()
    broken = tmp_path / "boot.py"
    broken.write_text(boot.replace("elif _there(new):", "elif path:"))
    assert broken.read_text() != boot
    assert campaign.update(stride=1000, boot=broken, first=True)["wrong"]


def test_a_list_that_is_forgotten_before_its_work_is_done_is_caught(micropython, tmp_path):
    boot = (campaign.FIRMWARE / "boot.py").read_text()
    broken = tmp_path / "boot.py"
    text = "        for line in lines:\n            _switch(name, line)\n"
    early = '        os.rename("/update/" + name, "/update/gone")\n'
    late = text + '        os.rename("/update/gone", "/update/" + name)\n'
    broken.write_text(boot.replace(text, early + late))
    assert broken.read_text() != boot
    assert campaign.update(stride=1000, boot=broken, first=True)["wrong"]
