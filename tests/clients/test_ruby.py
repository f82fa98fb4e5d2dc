# SPDX-License-Identifier: Apache-2.0
"""Bunny, the Ruby client; see scenario.py."""
import os
import shutil
import unittest

import scenario

GEMS = "/usr/share/rubygems-integration/all/specifications"


@unittest.skipUnless(shutil.which("ruby") and os.path.isdir(GEMS)
                     and any(name.startswith("bunny-") for name in os.listdir(GEMS)),
                     "no Ruby, or ruby-bunny is missing")
class Ruby(scenario.Scenario):
    def test_scenario(self):
        self.play(["ruby", "scenario.rb"])


if __name__ == "__main__":
    unittest.main()
