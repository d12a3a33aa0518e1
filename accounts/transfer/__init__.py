"""What leaves with an export: the register in which every app declares its tables."""
