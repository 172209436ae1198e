object BoomScala {
  def open(path: String): Nothing = throw new NoSuchElementException(path)
  def main(args: Array[String]): Unit = {
    System.err.println("2026-11-26 10:00:00 INFO up")
    try open("/a") catch {
      case error: Exception => new MatchError(error).printStackTrace()
    }
    System.err.println("2026-11-26 10:00:02 INFO on")
    List(1).map(_ => open("/nowhere"))
  }
}
