-- Looks up an answer.
--
-- KEYS: the clock; the answer. ARGV: the names of its object.
--
-- Returns the answer; the times of the object's last write and of the last one that may have happened; the
-- shared time.
return { redis.call('GET', KEYS[2]), text(last_write('changed', ARGV)), text(last_write('doubted', ARGV)), text(now) }
