-- Gives the time: what is asked for now is compared with writes by it.
return text(now)
