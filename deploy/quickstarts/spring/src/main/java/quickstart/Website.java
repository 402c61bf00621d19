package quickstart;

import java.util.Map;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.view.RedirectView;

/** A website with Spring Boot and Spring Security; its client stands in application.yaml. */
@SpringBootApplication
@RestController
public class Website {
    public static void main(String[] args) {
        SpringApplication.run(Website.class, args);
    }

    @Bean
    SecurityFilterChain security(HttpSecurity http) throws Exception {
        return http
            .authorizeHttpRequests(requests -> requests.requestMatchers("/", "/login").permitAll().anyRequest().authenticated())
            .oauth2Login(login -> login
                .loginPage("/login")
                .redirectionEndpoint(endpoint -> endpoint.baseUri("/callback")))
            .build();
    }

    @GetMapping("/")
    String home() {
        return "<a id=\"login\" href=\"/login\">로그인</a>";
    }

    @GetMapping("/login")
    RedirectView login() {
        return new RedirectView("/oauth2/authorization/bongsu");
    }

    @GetMapping("/me")
    Map<String, String> me(@AuthenticationPrincipal OidcUser user) {
        return Map.of("sub", user.getSubject(), "iss", user.getIssuer().toString());
    }
}
