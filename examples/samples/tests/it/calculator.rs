//! The calculator as a shell meets it.
//! Must not repeat the tables of the arithmetic.

use mesher_samples::{Kind, Sample, SampleError};

use crate::wire::{get, send, settings, start};

#[tokio::test]
async fn an_answer_says_the_result_and_who_computed_it() {
    let calculator = start(Kind::Calculator, settings("calculator")).await;
    let answer = get(calculator, "/bmi?height=1.8&weight=75").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert_eq!(
        answer.body,
        r#"{"result":23.15,"service":"calculator","version":"0.0.1","instance":"calculator-a"}"#
    );
}

#[tokio::test]
async fn versions_differ_in_their_name_only() {
    for version in ["0.0.1", "0.0.2"] {
        let named = mesher_samples::Settings { version: version.to_owned(), ..settings("calculator") };
        let answer = get(start(Kind::Calculator, named).await, "/bmi?height=1.8&weight=75").await.json();
        assert_eq!((answer["result"].as_f64(), answer["version"].as_str()), (Some(23.15), Some(version)));
    }
}

#[tokio::test]
async fn bad_parameters_are_refused_with_the_remedy() {
    let calculator = start(Kind::Calculator, settings("calculator")).await;
    for (query, parameters) in [
        ("", vec!["height", "weight"]),
        ("?height=1.8", vec!["weight"]),
        ("?height=&weight=75", vec!["height"]),
        ("?height=1.8&height=1.8&weight=75", vec!["height"]),
        ("?height=%ff%00&weight=75", vec!["height"]),
        ("?height=180&weight=75", vec!["height"]),
        ("?&&==&height", vec!["height", "weight"]),
    ] {
        let answer = get(calculator, &format!("/bmi{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let body = answer.json();
        assert_eq!(body["error"], "bad_parameter");
        assert_eq!(body["parameters"], serde_json::json!(parameters), "{query}");
        assert_eq!(body["service"], "calculator");
        assert!(body["detail"].as_str().unwrap().contains(parameters[0]), "{body}");
    }
}

#[tokio::test]
async fn health_unknown_paths_and_other_methods_are_answered_in_json() {
    let calculator = start(Kind::Calculator, settings("calculator")).await;
    assert_eq!(get(calculator, "/health").await.json()["status"], "UP");
    let unknown = get(calculator, "/").await;
    assert_eq!((unknown.status, unknown.json()["error"].as_str()), (404, Some("not_found")));
    let posted = send(calculator, "POST /bmi HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    assert_eq!((posted.status, posted.json()["error"].as_str()), (405, Some("method_not_allowed")));
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let first = Sample::bind(Kind::Calculator, settings("calculator")).await.unwrap();
    let second = mesher_samples::Settings { listen: first.address(), ..settings("calculator") };
    let error = Sample::bind(Kind::Calculator, second).await.unwrap_err();
    assert!(matches!(error, SampleError::Listen { .. }));
    assert!(error.to_string().contains(&first.address().to_string()), "{error}");
}

#[tokio::test]
async fn the_end_comes_when_asked_for() {
    let sample = Sample::bind(Kind::Calculator, settings("calculator")).await.unwrap();
    let address = sample.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(sample.serve(async {
        let _ = stopped.await;
    }));
    assert_eq!(get(address, "/health").await.status, 200);
    // A connection that says nothing must not hold up the end.
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
