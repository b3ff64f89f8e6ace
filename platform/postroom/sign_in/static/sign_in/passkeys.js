// Passkeys (WebAuthn): the browser's part. Forms with a passkey button stay hidden where the browser offers none.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !window.isSecureContext) {
    return;
  }

  const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  };

  const toText = (buffer) => {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const withBytes = (credentials) =>
    (credentials || []).map((credential) => ({ ...credential, id: toBytes(credential.id) }));

  const create = async (options, alone) => {
    const publicKey = {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    };
    publicKey.authenticatorSelection = {
      ...options.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      userVerification: alone ? "required" : "preferred",
    };
    const made = await navigator.credentials.create({ publicKey });
    return {
      ...common(made),
      response: {
        clientDataJSON: toText(made.response.clientDataJSON),
        attestationObject: toText(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    const publicKey = {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    };
    const found = await navigator.credentials.get({ publicKey });
    return {
      ...common(found),
      response: {
        clientDataJSON: toText(found.response.clientDataJSON),
        authenticatorData: toText(found.response.authenticatorData),
        signature: toText(found.response.signature),
        userHandle: found.response.userHandle ? toText(found.response.userHandle) : null,
      },
    };
  };

  const common = (credential) => ({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
  });

  // The page carries the challenge, or, where nobody is known yet, says whom to ask for one.
  const optionsFor = async (form) => {
    if (!form.dataset.passkeyUrl) {
      return JSON.parse(document.getElementById("passkey-options").textContent);
    }
    const answer = await fetch(form.dataset.passkeyUrl, { headers: { Accept: "application/json" } });
    return answer.json();
  };

  const run = async (button) => {
    const form = button.form;
    const error = form.querySelector("[data-passkey-error]");
    error.hidden = true;
    try {
      const options = await optionsFor(form);
      const credential =
        button.dataset.passkey === "create"
          ? await create(options.creation_options.publicKey, Boolean(form.elements.passwordless?.checked))
          : await get(options.request_options.publicKey);
      form.elements.credential.value = JSON.stringify(credential);
      form.submit();
    } catch {
      error.hidden = false;
    }
  };

  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.form.hidden = false;
    button.addEventListener("click", () => run(button));
  }
  for (const notice of document.querySelectorAll("[data-passkey-missing]")) {
    notice.hidden = true;
  }
})();
