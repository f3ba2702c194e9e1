"""The architectures that are described, a file each: where their image tokens are in the image, how their positions
count, how their vision tower works. A new file that defines a `Family` is all that a new one takes; files whose names
begin with an underscore hold what several share."""
