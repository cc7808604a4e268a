"""Where does mail for this domain go?  Zones, the servers that hold them, and the resolver that asks."""
