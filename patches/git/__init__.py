"""What git does for patches: identities, made repositories, differences, mails for `git am`."""
