# SPDX-License-Identifier: GPL-2.0-only
import labtest
import pytest


@pytest.fixture(scope="session")
def labs(request):
    """Its kernels stay booted from test to test."""
    request.config.watch.limit = labtest.STEP_LIMIT
    request.config.watch.tell = labtest.consoles
    yield labtest
    labtest.finish()
