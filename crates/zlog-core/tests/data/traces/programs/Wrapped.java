import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

public class Wrapped {
    static void inner() { throw new IllegalArgumentException("the root\nof two lines"); }

    public static void main(String[] args) {
        Logger log = LoggerFactory.getLogger("shop.Wrapped");
        log.info("up");
        try {
            try {
                inner();
            } catch (RuntimeException error) {
                throw new IllegalStateException("the outer one", error);
            }
        } catch (RuntimeException error) {
            log.error("failed", error);
        }
        log.info("end");
    }
}
