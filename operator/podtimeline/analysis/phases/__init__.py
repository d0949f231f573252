"""Where the time went: phases that sum exactly, on the way to traffic and on the way back."""
