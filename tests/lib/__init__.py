"""What the tests of real daemons share: ports, processes, clients, waiting."""
