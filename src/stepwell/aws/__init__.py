"""To AWS: what is shipped, the template that it is deployed by, and clients of what runs there."""
