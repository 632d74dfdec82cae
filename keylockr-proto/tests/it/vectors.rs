//! Replays every vector of `tests/vectors/keylockr-kps.json`, whatever the file holds: put another
//! one of the same format in its place and it is run in full. A kind without a runner, an
//! expectation without a check and a file without vectors are failures.

use serde_json::{Value as Json, json};

use crate::runners;

const FILE: &str = include_str!("../vectors/keylockr-kps.json");

/// Runs all vectors and returns how many there were, or what went wrong.
fn replay(file: &Json) -> Result<usize, Vec<String>> {
    let vectors = file["vectors"]
        .as_array()
        .filter(|vectors| !vectors.is_empty())
        .ok_or_else(|| vec!["the file holds no vectors".to_owned()])?;
    let mut wrong = Vec::new();
    if let Some(count) = file["count"].as_u64()
        && count != vectors.len() as u64
    {
        wrong.push(format!("count says {count}, there are {}", vectors.len()));
    }
    for vector in vectors {
        let id = vector["id"].as_str().unwrap_or("without id");
        // A runner may trip over a field that is missing: that is a failure of this vector, not the
        // end of the run.
        let outcome = std::panic::catch_unwind(|| runners::run(vector, &file["error_codes"]));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => wrong.push(format!("{id}: {reason}")),
            Err(_) => wrong.push(format!("{id}: does not have the form of its kind")),
        }
    }
    if wrong.is_empty() {
        Ok(vectors.len())
    } else {
        Err(wrong)
    }
}

pub(crate) fn file() -> Json {
    serde_json::from_str(FILE).expect("the vector file is JSON")
}

#[test]
fn vectors_all_replay() {
    match replay(&file()) {
        Ok(count) => println!("{count} vectors"),
        Err(wrong) => panic!("{} vectors fail:\n{}", wrong.len(), wrong.join("\n")),
    }
}

#[test]
fn vectors_every_kind_of_the_format_has_a_runner() {
    let file = file();
    for kind in file["kinds"]
        .as_object()
        .into_iter()
        .flat_map(|kinds| kinds.keys())
    {
        assert!(runners::KINDS.contains(&kind.as_str()), "{kind}");
    }
}

#[test]
fn vectors_empty_file_fails() {
    let mut file = file();
    file["vectors"] = json!([]);
    file["count"] = json!(0);
    assert!(replay(&file).is_err());
    assert!(replay(&json!({})).is_err());
}

#[test]
fn vectors_unknown_kind_fails() {
    let mut file = file();
    file["vectors"][0]["kind"] = json!("kps_guess");
    let wrong = replay(&file).unwrap_err();
    assert!(wrong.iter().any(|reason| reason.contains("kps_guess")));
    file["vectors"][0] = json!({});
    assert!(replay(&file).is_err());
}

#[test]
fn vectors_shortened_file_fails_by_its_count() {
    let mut file = file();
    let vectors = file["vectors"].as_array_mut().unwrap();
    let count = vectors.len();
    vectors.pop();
    file["count"] = json!(count);
    assert!(replay(&file).is_err());
}

/// Every vector notices when its expectation is turned round, so none of them passes by not
/// looking.
#[test]
fn vectors_notice_a_wrong_expectation() {
    let file = file();
    let codes = &file["error_codes"];
    let mut silent = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        for (name, turned) in turned_expectations(&vector["expect"], codes) {
            let mut vector = vector.clone();
            vector["expect"] = turned;
            let outcome = std::panic::catch_unwind(|| runners::run(&vector, codes));
            if matches!(outcome, Ok(Ok(()))) {
                silent.push(format!("{} does not look at {name}", vector["id"]));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

/// One copy of the expectation for each member, with that member changed.
fn turned_expectations(expect: &Json, codes: &Json) -> Vec<(String, Json)> {
    let members = expect.as_object().expect("expect is an object");
    members
        .iter()
        .filter(|(name, _)| *name != "content_type")
        .map(|(name, value)| {
            let mut turned = expect.clone();
            turned[name] = match value {
                Json::Null => json!("00"),
                Json::Bool(value) => json!(!value),
                Json::Number(value) => json!(value.as_f64().unwrap() + 1.0),
                Json::String(text) if text == "E_RAW" => json!("E_TIME"),
                Json::String(text) if codes.get(text).is_some() => json!("E_RAW"),
                Json::String(text) => match text.strip_suffix('0') {
                    Some(front) => json!(format!("{front}1")),
                    None if text.is_empty() => json!("00"),
                    None => json!(format!("{}0", &text[..text.len() - 1])),
                },
                Json::Array(items) if items.is_empty() => json!(["more"]),
                Json::Array(items) => Json::Array(items[1..].to_vec()),
                Json::Object(members) if members.is_empty() => json!({"more": 1}),
                Json::Object(_) => json!({}),
            };
            (name.clone(), turned)
        })
        .collect()
}
