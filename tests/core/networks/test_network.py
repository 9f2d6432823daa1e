from stages.core.config.training import Architecture
from stages.core.networks.network import Network


def test_the_papers_networks_have_the_papers_layers() -> None:
    network = Network(
        6373, {"emotion": 10, "country": 4, "age": 1}, Architecture(joint=True, trunk=(128, 64), head=(32,))
    )
    kinds = [[type(layer).__name__ for layer in part.children()] for part in network.trunk]
    assert kinds == [["Linear", "LayerNorm", "LeakyReLU"]] * 2
    assert [type(layer).__name__ for layer in list(network.heads.values())[-1]] == [
        "Linear",
        "LeakyReLU",
        "Linear",
    ]
    weights = sum(values.numel() for values in network.parameters() if values.ndim == 2)
    assert weights == 6373 * 128 + 128 * 64 + 3 * 64 * 32 + 32 * 15
