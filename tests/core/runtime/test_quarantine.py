from pathlib import Path

from stages.core.runtime.quarantine import Fault, write_faults


def test_faults_are_rows_in_their_order(tmp_path: Path) -> None:
    faults = [Fault("b", "split", "no speaker", 'says "x, y"'), Fault("a", "features", "crash", "died")]
    write_faults(tmp_path / "q.csv", faults)
    assert (tmp_path / "q.csv").read_text() == (
        'clip_id,stage,reason,detail\nb,split,no speaker,"says ""x, y"""\na,features,crash,died\n'
    )
    write_faults(tmp_path / "q.csv", [])
    assert (tmp_path / "q.csv").read_text() == "clip_id,stage,reason,detail\n"
