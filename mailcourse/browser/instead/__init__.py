"""Stand-ins for packages that cannot be had in a web page; `prepare` puts this folder at the end of the path."""
