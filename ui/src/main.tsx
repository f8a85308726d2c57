import { render } from 'preact';
import { App } from './app';
import { applyAppearance, readAppearance } from './appearance';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/fields.css';
import './styles/status.css';
import './styles/wizard.css';
import './styles/today.css';
import './styles/outbox.css';
import './styles/settings.css';

applyAppearance(readAppearance());
const place = document.getElementById('app');
if (place) {
  render(<App />, place);
}
