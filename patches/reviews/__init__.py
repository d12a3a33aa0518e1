"""What people say of a patch: reviews, ratings, and what by them it still needs."""
