-- What was tried and waits for the next attempt, to be counted.
CREATE INDEX deliveries_tried ON deliveries (tenant) WHERE status = 1 AND attempts > 0;
