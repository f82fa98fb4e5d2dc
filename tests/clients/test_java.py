# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ's Java client; see scenario.py."""
import os
import shutil
import unittest

import scenario

JARS = ["/usr/share/java/%s.jar" % name for name in ("amqp-client", "slf4j-api", "slf4j-nop")]


@unittest.skipUnless(shutil.which("javac") and all(map(os.path.exists, JARS)),
                     "no Java compiler, or librabbitmq-client-java is missing")
class Java(scenario.Scenario):
    def test_scenario(self):
        self.play(["java", "-XX:TieredStopAtLevel=1", "-cp", ":".join(JARS), "Scenario.java"])


if __name__ == "__main__":
    unittest.main()
