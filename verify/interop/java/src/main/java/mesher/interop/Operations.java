package mesher.interop;

import java.util.Map;

import javax.servlet.http.HttpServletRequest;

import org.apache.servicecomb.provider.rest.common.RestSchema;
import org.apache.servicecomb.provider.springmvc.reference.RestTemplateBuilder;
import org.apache.servicecomb.swagger.invocation.context.ContextUtils;
import org.apache.servicecomb.swagger.invocation.context.InvocationContext;
import org.apache.servicecomb.swagger.invocation.exception.InvocationException;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.client.RestTemplate;

import com.netflix.config.DynamicPropertyFactory;

/** Operations of the application: the provider's, and one that lets it be a consumer. */
@RestSchema(schemaId = "echo")
@RequestMapping(path = "/")
public class Operations {
    private static final String SOURCE = "x-cse-src-microservice";
    private static final int CONFLICT = 409;

    private final RestTemplate services = RestTemplateBuilder.create();

    /** Answers what it saw. */
    @GetMapping(path = "/echo")
    public Echo echo(@RequestParam(name = "text", required = false) String text, HttpServletRequest request) {
        return seen("GET", text, request);
    }

    /** Answers what it saw, the body with it. */
    @PostMapping(path = "/echo")
    public Echo echoBody(@RequestBody Text body, HttpServletRequest request) {
        return seen("POST", body.text, request);
    }

    /** Answers with the status that it is asked for, else with 409, and a body, both of which must reach the caller. */
    @GetMapping(path = "/refuse")
    public String refuse(@RequestParam(name = "text", required = false) String text) {
        boolean isStatus = text != null && text.matches("[0-9]{3}");
        throw new InvocationException(isStatus ? Integer.parseInt(text) : CONFLICT, "Refused", "refused by " + name());
    }

    /** Calls another service with the SDK, and answers what came. */
    @GetMapping(path = "/call")
    public Call call(@RequestParam(name = "service") String service, @RequestParam(name = "operation") String operation,
            @RequestParam(name = "method") String method, @RequestParam(name = "text", required = false) String text,
            @RequestParam(name = "user", required = false) String user) {
        ContextUtils.getInvocationContext().addContext("user", user);
        Call call = new Call();
        try {
            call.answer = answer("cse://" + service + "/" + operation, method, text);
            call.status = 200;
        } catch (InvocationException refusal) {
            call.status = refusal.getStatusCode();
            call.answer = refusal.getErrorData();
            call.error = refusal.getMessage();
        }
        return call;
    }

    /** Answers what the SDK knows of a key of the configuration. */
    @GetMapping(path = "/setting")
    public String setting(@RequestParam(name = "key") String key) {
        return DynamicPropertyFactory.getInstance().getStringProperty(key, "").get();
    }

    private Object answer(String url, String method, String text) {
        if (method.equals("POST")) {
            return services.postForObject(url, Map.of("text", text), Object.class);
        }
        return services.getForObject(url + "?text={text}", Object.class, text);
    }

    private static Echo seen(String method, String text, HttpServletRequest request) {
        InvocationContext context = ContextUtils.getInvocationContext();
        Echo echo = new Echo();
        echo.service = name();
        echo.method = method;
        echo.text = text;
        echo.caller = context.getContext(SOURCE);
        echo.context = request.getHeader("x-cse-context");
        echo.user = context.getContext("user");
        return echo;
    }

    private static String name() {
        return DynamicPropertyFactory.getInstance().getStringProperty("service_description.name", "").get();
    }
}
