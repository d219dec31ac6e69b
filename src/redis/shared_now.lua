-- Returns the shared time. A request that starts now is compared by it with later writes.
return text(now)
