"""What every observed kind of Kubernetes needs: the connection, listing, watching, and a store that is kept current."""
