"""What the integration tests start, drive and read: emulators, stubs with faults, and sample input."""
