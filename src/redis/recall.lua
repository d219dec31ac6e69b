-- KEYS: an answer; the last change to its object.
return { redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) }
