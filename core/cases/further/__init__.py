"""What other measurements than the league say of its methods, as further columns of its table: one file each."""
