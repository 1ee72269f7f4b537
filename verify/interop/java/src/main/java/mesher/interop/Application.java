package mesher.interop;

import org.apache.servicecomb.foundation.common.utils.BeanUtils;

/** An application on Java Chassis, for the suite verify/tests/interop. It must use the SDK as its users do. */
public final class Application {
    private Application() {}

    /** Starts the SDK, which finds {@link Operations} in this package and ends with the process. */
    public static void main(String[] arguments) {
        BeanUtils.init();
    }
}
