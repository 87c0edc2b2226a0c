import pytest
from client_build import build_client


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    """The C client of SavedModels, a program."""
    return build_client(tmp_path_factory.mktemp("client"))
