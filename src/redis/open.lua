-- KEYS: an endpoint that answers again. One that was closed anew meanwhile stays closed.
if (closure(KEYS[1]) or 0) == 0 then
    redis.call('DEL', KEYS[1])
end
return 1
