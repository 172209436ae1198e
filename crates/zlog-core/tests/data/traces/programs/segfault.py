"""A crash that faulthandler reports."""
import faulthandler
import threading
import time

faulthandler.enable()
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
time.sleep(0.1)
faulthandler._sigsegv()
