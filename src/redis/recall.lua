-- Gives what is kept, and the time.
-- KEYS: the clock; an answer. ARGV: the names of its object.
-- Gives the answer; when its object was last written to, and last may have been; the time.
return { redis.call('GET', KEYS[2]), text(last_write('changed', ARGV)), text(last_write('doubted', ARGV)), text(now) }
