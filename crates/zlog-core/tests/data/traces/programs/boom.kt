fun open(path: String): Nothing = throw IllegalStateException("could not open $path", java.io.IOException("disk"))
fun main() {
    System.err.println("2026-11-26 10:00:00 INFO up")
    val closing = IllegalArgumentException("first line\nsecond line")
    try { open("/a") } catch (error: IllegalStateException) {
        error.addSuppressed(closing)
        System.err.println("2026-11-26 10:00:01 ERROR failed")
        error.printStackTrace()
    }
    System.err.println("2026-11-26 10:00:02 INFO on")
    open("/nowhere")
}
