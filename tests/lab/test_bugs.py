# SPDX-License-Identifier: GPL-2.0-only
"""The output shown in docs/bugs/ is real. A few of its pages here; all if
$GPCVM_BUGS is "all", as in `make faults`."""

import os

import bugs
import labtest
import test_docs


def page_test(name):
    def test(lab):
        os.environ["GPCVM"] = lab.gpcvm
        test_docs.session(lab, bugs.page(name), limit=labtest.BUILD_LIMIT)
    return test


for _name in (bugs.names() if os.environ.get("GPCVM_BUGS") == "all"
              else bugs.SAMPLE):
    globals()["test_the_page_of_" + _name.replace("-", "_")] = page_test(_name)
