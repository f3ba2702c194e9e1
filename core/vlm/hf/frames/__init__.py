"""What a model's processor does with the frames of a video, without torchvision."""
