"""What several pages draw: the frame, the answer bar, chips, controls, evidence."""
