public class Boom {
    static class Resource implements AutoCloseable {
        public void close() { throw new IllegalStateException("close failed"); }
    }

    static void read() { throw new IllegalArgumentException("first line\nsecond line"); }

    static void open() {
        try (Resource resource = new Resource()) {
            read();
        } catch (IllegalArgumentException error) {
            throw new RuntimeException("could not open\nfor two reasons", error);
        }
    }

    public static void main(String[] args) throws Exception {
        System.err.println("2026-11-26 10:00:00,000 INFO [main] Boom: up");
        try {
            open();
        } catch (RuntimeException error) {
            System.err.println("2026-11-26 10:00:00,001 ERROR [main] Boom: failed");
            error.printStackTrace();
        }
        System.err.println("2026-11-26 10:00:00,002 INFO [main] Boom: on");
        open();
    }
}
