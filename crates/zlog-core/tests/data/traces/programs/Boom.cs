using System;

class Boom {
    static void Read() { throw new ArgumentException("first line\nsecond line"); }

    static void Open() {
        try { Read(); } catch (Exception e) { throw new InvalidOperationException("could not open", e); }
    }

    static void Main(string[] args) {
        Console.Error.WriteLine("2026-11-26 10:00:00 INFO up");
        try { Open(); } catch (Exception e) { Console.Error.WriteLine("2026-11-26 10:00:01 ERROR failed\n" + e); }
        try {
            System.Threading.Tasks.Task.WhenAll(
                System.Threading.Tasks.Task.Run((Action)Read),
                System.Threading.Tasks.Task.Run((Action)Open)).Wait();
        } catch (Exception e) { Console.Error.WriteLine("2026-11-26 10:00:02 ERROR many\n" + e); }
        Console.Error.WriteLine("2026-11-26 10:00:03 INFO on");
        Open();
    }
}
