"""Set-up and checks of the project itself: no part of the package."""
