# SPDX-License-Identifier: Apache-2.0
"""The Go client, amqp091-go; see scenario.py."""
import os
import shutil
import sys
import unittest

import scenario

sys.path.insert(0, str(scenario.LANGUAGES.parent / "suites"))
import obtain  # noqa: E402


@unittest.skipUnless(shutil.which("go") and os.path.exists(obtain.GOPATH / "src" / obtain.GO_CLIENT),
                     "no Go, or golang-github-rabbitmq-amqp091-go-dev is missing")
class Go(scenario.Scenario):
    def test_scenario(self):
        program = obtain.go_program("scenario", "build", str(scenario.LANGUAGES / "scenario.go"))
        self.play([str(program)])


if __name__ == "__main__":
    unittest.main()
