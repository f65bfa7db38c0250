"""What the tests of faults are made of: a cluster whose links can be cut, clients that remember
every answer, a judge of what they remember, and a nemesis."""
