# SPDX-License-Identifier: GPL-2.0-only
import lib
import pytest


@pytest.fixture(scope="session")
def labs():
    return lib
