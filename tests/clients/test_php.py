# SPDX-License-Identifier: Apache-2.0
"""php-amqplib; see scenario.py."""
import os
import shutil
import unittest

import scenario


@unittest.skipUnless(shutil.which("php") and os.path.exists("/usr/share/php/PhpAmqpLib"),
                     "no PHP, or php-amqplib is missing")
class Php(scenario.Scenario):
    def test_scenario(self):
        self.play(["php", "scenario.php"])


if __name__ == "__main__":
    unittest.main()
