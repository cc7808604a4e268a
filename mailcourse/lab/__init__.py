"""The public face: a lab, its people, names, queues, faults and settings.  Only this folder imports every role."""
