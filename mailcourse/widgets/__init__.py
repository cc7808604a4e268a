"""What a person sees: views of the trace and of the lab's public face.  No server knows that they exist."""
