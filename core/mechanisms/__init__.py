"""What heads and layers write into the residual stream, what it says on the way, and what happens when they are cut."""
