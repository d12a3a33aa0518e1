"""The processes of one installation: how each is started, checked and stopped."""
