-- Clears a back-off that is over. One that was started again meanwhile stays.
--
-- KEYS: the back-off.
if (backoff(KEYS[1]) or 0) == 0 then
    redis.call('DEL', KEYS[1])
end
return 1
