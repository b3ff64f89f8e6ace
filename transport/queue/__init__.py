"""What is on its way: messages taken in, their deliveries in queues per next hop, and the routes they take."""
