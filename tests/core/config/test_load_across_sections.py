import pytest

from stages.core.config.load import parse
from stages.core.runtime.errors import UserError
from tests.helpers.parameters import CONTENT, RUN, changed


def test_as_many_frames_as_words_are_enough() -> None:
    assert parse(changed("codebook/frames", 2000)).codebook.frames == 2000


def test_what_the_sections_say_together() -> None:
    content = changed("external/mine", {"kind": "table", "path": "t.csv"})
    content["fused_features"] = {"both": ["mine", "boaw"]}
    content["runs"] = {"one": {"features": "both", "model": "some"}, "two": RUN}
    content["models"]["some"] = {"joint": False, "trunk": [3], "tasks": ["age", "emotion"]}
    content["explain"] = {"two": {"families": {"f": "^x"}, "permutations": 3}}
    content["search"] = {}
    found = parse(content)
    assert found.feature_sets == ["egemaps", "compare", "mine", "boaw", "both"]
    assert list(found.sources) == ["egemaps", "compare", "mine"]
    assert (list(found.tasks_of("one")), list(found.tasks_of("two"))) == (
        ["emotion", "age"],
        ["emotion", "country", "age"],
    )
    assert found.architecture("one").trunk == (3,) and not found.architecture("one").joint
    assert found.explain_options("two").permutations == 3
    assert found.explain_options("one").permutations == 10


def test_weights_of_the_tasks_that_the_run_learns() -> None:
    content = changed("models/years", {"joint": True, "trunk": [3], "tasks": ["age", "country"]})
    content["runs"] = {"new": {"features": "compare", "model": "years"}}
    content["models"]["years"]["train"] = {"loss_weighting": {"age": 0}}
    parse(content)
    content["models"]["years"]["train"] = {"loss_weighting": {"age": 0, "country": 0}}
    with pytest.raises(UserError, match="loss_weighting of run new is 0 for all its tasks; nothing would be"):
        parse(content)
    content["models"]["years"]["train"] = {"loss_weighting": {"aeg": 1}}
    with pytest.raises(
        UserError, match=r"loss_weighting of run new names 'aeg', which is no task \(did you mean"
    ):
        parse(content)


def test_columns_of_sets_that_the_run_reads() -> None:
    content = changed("models/one", {**CONTENT["models"]["stl"], "train": {"columns": {"compare": 9}}})
    for features in ("all", "compare"):
        content["runs"]["new"] = {"features": features, "model": "one"}
        assert parse(content).recipe("new").columns == {"compare": 9}
    content["runs"]["new"] = {"features": "boaw", "model": "one"}
    with pytest.raises(
        UserError, match="columns of run new names 'compare', but the run reads boaw; take it"
    ):
        parse(content)


def test_a_size_for_each_group_of_columns() -> None:
    content = changed("codebook/layout", {"a": ["x"], "b": ["y"], "c": ["z"]})
    content["codebook"]["size"] = [30, 20]
    with pytest.raises(
        UserError, match=r"names 2 sizes, but codebook\.layout makes 3 groups; give one size, or"
    ):
        parse(content)
    content["codebook"]["size"] = [30, 20, 10]
    assert [parse(content).codebook.size_of(group) for group in range(3)] == [30, 20, 10]
    content["codebook"]["frames"] = 29
    with pytest.raises(UserError, match=r"codebook\.size 30 is above codebook\.frames 29; lower the size"):
        parse(content)
    content["codebook"]["size"] = [20, 10, 30]
    with pytest.raises(UserError, match=r"codebook\.size 30 is above codebook\.frames 29; lower the size"):
        parse(content)
    content["codebook"]["frames"], content["boaw"]["assignments"] = None, 11
    with pytest.raises(UserError, match=r"boaw\.assignments 11 is above codebook\.size 10; a frame cannot"):
        parse(content)
    content["boaw"]["assignments"] = 10
    parse(content)
    content["codebook"]["layout"], content["codebook"]["size"] = "split", 17
    assert [parse(content).codebook.size_of(group) for group in range(2)] == [17, 17]


def test_single_clips_teach_no_correlation_but_other_scores() -> None:
    """A batch of one clip is refused for the tasks that the run learns, and for no others."""
    content = changed("train/batch_size", 1)
    content["train"]["regression_loss"] = "score"
    content["models"]["years"] = {"joint": True, "trunk": [3], "tasks": ["age", "country"]}
    content["runs"] = {"new": {"features": "compare", "model": "years"}}
    content["explain"], content["search"] = {}, {}
    assert parse(content).recipe("new").batch_size == 1
    for score in ("ccc", "pearson"):
        content["tasks"]["age"]["score"] = score
        with pytest.raises(
            UserError, match="regression_loss of run new is score and batch_size 1, but task age"
        ):
            parse(content)
    content["train"]["batch_size"] = 2
    parse(content)


def test_sets_that_have_frames_for_codebooks() -> None:
    content = changed("codebook/features", "halves")
    content["features"] = {
        "egemaps": "eGeMAPSv02",
        "compare": "ComParE_2016",
        "voice": {"kind": "resemblyzer"},
    }
    content["features"]["halves"] = {"kind": "opensmile", "set": "x", "windows": {"count": 2}}
    content["external"] = {
        "own": {"kind": "opensmile", "path": "x.conf"},
        "framed": {"kind": "opensmile", "path": "x.conf", "frames": "lld"},
    }
    expected = "codebook.features is 'halves'; the openSMILE sets are egemaps, compare, framed."
    with pytest.raises(UserError) as caught:
        parse(content)
    assert str(caught.value) == f"params.yaml: {expected}"
    content["codebook"]["features"] = "framed"
    assert parse(content).codebook.features == "framed"
